"""The browser's side: the library, the demo page, and the builder of a static site."""
