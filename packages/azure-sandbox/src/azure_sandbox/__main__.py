from azure_sandbox.cli import main

main()
