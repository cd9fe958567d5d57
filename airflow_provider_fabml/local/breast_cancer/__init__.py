"""The demo's model and data: scikit-learn's breast cancer data set, 569 rows with labels."""
