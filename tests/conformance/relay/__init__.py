"""A small TCP relay, well-behaved unless told to sin; the suite is tested against it."""
