"""Redaction for banks: what identifies a person is replaced by a pseudonym before anything else happens."""
