"""Sensors on the devices of a plant: five-minute windows of readings, one model per device and sensor."""
