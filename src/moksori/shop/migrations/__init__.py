"""The shop's migrations, oldest first in `versions`."""
