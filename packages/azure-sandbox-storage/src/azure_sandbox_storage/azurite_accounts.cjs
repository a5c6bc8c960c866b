// Loaded before Azurite starts. Azurite takes its accounts from AZURITE_ACCOUNTS at start and once a minute; the sandbox
// declares accounts at any time, so here an unknown account is looked up in a file, at once and without a restart.
const fs = require("fs");
const path = require("path");

const file = process.env.AZURE_SANDBOX_ACCOUNTS;
if (file && process.argv[1]) {
  const main = path.dirname(fs.realpathSync(process.argv[1]));
  const store = require(path.join(main, "..", "common", "AccountDataStore.js")).default.prototype;
  const known = store.getAccount;
  store.getAccount = function (name) {
    if (known.call(this, name) === undefined) {
      process.env.AZURITE_ACCOUNTS = fs.readFileSync(file, "utf8").trim();
      this.refresh();
    }
    return known.call(this, name);
  };
}
