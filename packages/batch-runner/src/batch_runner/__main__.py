import sys

from batch_runner.cli import main

sys.exit(main())
