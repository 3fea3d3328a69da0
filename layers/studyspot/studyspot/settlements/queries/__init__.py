"""SQL of the domain: payouts and their lines in each cell, runs and what they find in the directory."""
