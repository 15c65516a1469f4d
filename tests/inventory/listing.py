"""Reads inventories with Ansible's own code, as ansible-inventory --list does, one after the other.

Each line of standard input is {"sources": [...], "limits": [...]}; each line of standard output what
ansible-inventory prints for these sources, and the hosts that each limit leaves, or {"error": ...}.
"""

import json
import sys
import warnings

from ansible.cli.inventory import InventoryCLI
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.vars.manager import VariableManager

# "\q" in a value is nothing to talk about.
warnings.simplefilter("ignore")

cli = InventoryCLI(["ansible-inventory", "--list", "-i", "localhost,"])
cli.parse()


def answer(question):
    cli.loader = DataLoader()
    cli.inventory = InventoryManager(loader=cli.loader, sources=question["sources"])
    cli.vm = VariableManager(loader=cli.loader, inventory=cli.inventory)
    listing = json.loads(cli.dump(cli.json_inventory(cli.inventory.groups["all"])))
    limits = []
    for limit in question["limits"]:
        cli.inventory.subset(limit)
        try:
            limits.append([host.name for host in cli.inventory.get_hosts("all")])
        except AnsibleError as error:
            limits.append({"error": str(error)})
    return {"listing": listing, "limits": limits}


for line in sys.stdin:
    try:
        result = answer(json.loads(line))
    except Exception as error:  # whatever it is, the other side has to hear of it
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
