# SPDX-License-Identifier: Apache-2.0
# Asks a SantaCoder server to go on with a line of code. The policy that accepts the server: BLINDBOX_POLICY=policy.yml
from blindbox import requests

ADDRESS = "127.0.0.1:80"  # of the confidential machine

res = requests.post(url=f"http://{ADDRESS}/generate", json={"input_text": "def print_hello_world():"})
print(res.text.replace("\\n", "\n"))
