"""The one command of an installed tiny-amt; in a wheel also the home of export, verify and web."""
