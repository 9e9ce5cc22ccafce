"""Media input and output with PyAV: frames at an exact rate; new sound beside a copied video."""
