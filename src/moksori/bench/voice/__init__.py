"""Voice to voice, false cuts and interruptions, as a caller hears them."""
