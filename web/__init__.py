"""What runs in the browser: the library, the demo page, and the builder of a static site."""
