"""What an image name means on this machine: a command, an environment, a preparation."""
