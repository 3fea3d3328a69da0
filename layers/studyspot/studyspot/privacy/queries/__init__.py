"""Every statement on requests, consents, retention and figures of law; what is a person's is read off the data map."""
