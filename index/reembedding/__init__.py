"""Another model beside the one that answers: built from the stored videos' files, and compared."""
