"""What only an encoder needs: its settings, targets of size or quality, and the search for fewer bits."""
