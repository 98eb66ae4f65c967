"""The one gate through which everything goes that Truelift fetches from elsewhere."""
