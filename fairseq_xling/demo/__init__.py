"""An invented world of five languages, and the recipe that learns to translate between them from monolingual text."""
