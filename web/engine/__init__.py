"""The networks in C, as two WebAssembly modules: see ``README.md`` here."""
