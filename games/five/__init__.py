"""What five in a row is by each rule, and where Black may not play by the rules of Renju."""
