"""What waits for a person, and how they hear of it: inbox, notices, e-mails, webhooks."""
