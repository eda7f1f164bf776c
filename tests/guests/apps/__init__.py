"""One module for each guest: it makes the app as the guest's own documentation says."""
