"""The Protocols through which the middle of the house speaks. No implementation lives here."""
