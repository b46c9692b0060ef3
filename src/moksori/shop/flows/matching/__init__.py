"""What a caller means among the few things it can be: this caller's orders, their items, a product's options."""
