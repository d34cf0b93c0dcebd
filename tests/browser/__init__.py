"""A package, so that site and browser end with the last test in here: no browser's event loop goes on."""
