"""The wallet of the command line (docs/wallet.md): a keystore here, all else over the site's API."""
