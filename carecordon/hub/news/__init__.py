"""What processes of the hub write down for people about devices and about themselves, and what travels between them."""
