"""A comparison as something to send: page, sheet, tables."""
