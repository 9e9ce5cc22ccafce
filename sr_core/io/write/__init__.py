"""Writing files: new sound beside copied video packets; a file is complete or does not exist."""
