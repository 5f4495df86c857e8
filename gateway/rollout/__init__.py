"""Opening the channel to some before all: pilot groups, and who is admitted by them."""
