"""What is loaded once and shared: models, and who may use the device now."""
