"""What a run says of itself: metrics in printed lines and files, series, TensorBoard's event files."""
