"""Phase two: the types that factories require and provide → the order of construction → objects; and `Shared`."""
