"""A soft sensor of a real plant: what one measurement should be, from 25 others; rows come as files, not as events.

The measurements are `real_process_data.csv` of the package bibmon 1.2.0 (https://github.com/petrobras/bibmon), made
public by Petrobras under CC BY 4.0 (https://creativecommons.org/licenses/by/4.0/): 3,169 rows of 108 tags, every five
minutes from 2017-12-24 to 2018-01-04. Here they are cut into files and 26 tags are used; values are unchanged.

What this data cannot show: it has a single fault (2018-01-02, 06:00 to 09:00, told by the package's notebook), so a
figure on it is one draw; tags are anonymised and standardised, so nothing can be read against physics; and there is no
device in it: that all tags belong to one device `plant` is this project's own grouping.
"""
