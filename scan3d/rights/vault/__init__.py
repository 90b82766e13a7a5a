"""Scans and personal data at rest: encrypted under a key per person, and gone for good when that key is destroyed."""
