"""Follows a procedure: literally, by real kubectl, without a shell."""
