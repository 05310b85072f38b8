"""The networks of the memory figures: where they come from, and what their plans may take."""
