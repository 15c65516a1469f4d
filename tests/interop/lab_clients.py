"""Foreign WinRM clients against the simulated host: pypsrp's WSMan class, and pywinrm's transport.

Reads what to do from the arguments, the password from REFPOINT_INTEROP_PASSWORD, and prints one JSON object of what
the client *read*. Whatever goes wrong is `{"error": CLASS, "text": TEXT}` and status 1. Both clients open sealed
answers with pyspnego, which nobody here wrote.
"""

import argparse
import json
import os
import sys
import urllib.parse
import uuid
import warnings
import xml.etree.ElementTree as ET

NS = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "a": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "n": "http://schemas.xmlsoap.org/ws/2004/09/enumeration",
    "w": "http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd",
    "wsmid": "http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd",
    "e": "http://schemas.xmlsoap.org/ws/2004/08/eventing",
    "x": "http://schemas.xmlsoap.org/ws/2004/09/transfer",
}
WMI = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/"
CIMV2 = "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/cimv2/"
EVENTING = "http://schemas.xmlsoap.org/ws/2004/08/eventing"
TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
WQL = "http://schemas.microsoft.com/wbem/wsman/1/WQL"
ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
ENUMERATION = "http://schemas.xmlsoap.org/ws/2004/09/enumeration"
IDENTIFY = (
    '<s:Envelope xmlns:s="{s}" xmlns:wsmid="{wsmid}"><s:Header/><s:Body><wsmid:Identify/></s:Body></s:Envelope>'.format(
        **NS
    )
)
SETTINGS = (
    '<INSTANCE CLASSNAME="Msvm_VirtualSystemReferencePointExportSettingData">'
    '<PROPERTY NAME="Description" TYPE="string"><VALUE>by a foreign client</VALUE></PROPERTY></INSTANCE>'
)


def version(text):
    """What Identify says of the service."""
    return ET.fromstring(text).findtext(".//wsmid:ProductVersion", namespaces=NS)


def local(element):
    return element.tag.rpartition("}")[2]


def properties(instance):
    """An instance's properties; lists where there are several, None where there is none."""
    read = {}
    for child in instance:
        text = "".join(child.itertext()) if child.get("{http://www.w3.org/2001/XMLSchema-instance}nil") is None else None
        read.setdefault(local(child), []).append(text)
    return {name: values[0] if len(values) == 1 else values for name, values in read.items()}


class Pypsrp:
    """pypsrp's WSMan class: it writes the headers, checks RelatesTo and reads faults by itself."""

    def __init__(self, options):
        from pypsrp.wsman import WSMan

        url = urllib.parse.urlsplit(options.url)
        self.wsman = WSMan(
            url.hostname,
            port=url.port,
            ssl=url.scheme == "https",
            username=options.user,
            password=options.password,
            auth=options.auth,
            cert_validation=options.ca if options.ca else True,
            negotiate_service=options.service,
            negotiate_hostname_override=options.host,
        )

    def send(self, envelope):
        return self.wsman.transport.send(envelope.encode())

    def enumerate(self, resource, body):
        return self.wsman.enumerate(WMI + resource, body)

    def pull(self, resource, body):
        return self.wsman.pull(WMI + resource, body)

    def get(self, resource, keys):
        return self.wsman.get(resource, selector_set=self.selectors(keys) if keys else None)

    def transfer(self, verb, resource, keys, body):
        ask = {"Put": self.wsman.put, "Create": self.wsman.create, "Delete": self.wsman.delete}[verb]
        return ask(resource, body, selector_set=self.selectors(keys) if keys else None)

    def ask(self, action, resource, keys, body):
        return self.wsman.invoke(action, resource, body)

    def config(self):
        """What pypsrp asks of its own accord before it sends anything large."""
        return self.wsman.get_server_config()

    def invoke(self, service, method, keys, body):
        action = WMI + service + "/" + method
        reply = self.wsman.invoke(action, WMI + service, body, selector_set=self.selectors(keys))
        return reply.find("s:Body", namespaces=NS)

    @staticmethod
    def selectors(keys):
        from pypsrp.wsman import SelectorSet

        selectors = SelectorSet()
        for name, value in keys.items():
            selectors.add_option(name, value)
        return selectors


class Pywinrm:
    """pywinrm's transport: envelopes of our own, its login, sealing and HTTP."""

    def __init__(self, options):
        from winrm.transport import Transport

        self.url = options.url + "/wsman"
        self.transport = Transport(
            endpoint=self.url,
            username=options.user,
            password=options.password,
            auth_method=options.auth,
            server_cert_validation="validate",
            ca_trust_path=options.ca or "legacy_requests",
            message_encryption="auto",
        )

    def send(self, envelope):
        return self.transport.send_message(envelope)

    def enumerate(self, resource, body):
        return self.ask(ENUMERATION + "/Enumerate", WMI + resource, {}, body)

    def pull(self, resource, body):
        return self.ask(ENUMERATION + "/Pull", WMI + resource, {}, body)

    def get(self, resource, keys):
        return self.ask("http://schemas.xmlsoap.org/ws/2004/09/transfer/Get", resource, keys, None)

    def invoke(self, service, method, keys, body):
        return self.ask(WMI + service + "/" + method, WMI + service, keys, body)

    def transfer(self, verb, resource, keys, body):
        return self.ask(TRANSFER + "/" + verb, resource, keys, body)

    def config(self):
        return self.ask(TRANSFER + "/Get", "http://schemas.microsoft.com/wbem/wsman/1/config", {}, None)

    def ask(self, action, resource, keys, body, header=""):
        message = "uuid:" + str(uuid.uuid4()).upper()
        selectors = "".join(f'<w:Selector Name="{name}">{value}</w:Selector>' for name, value in keys.items())
        envelope = (
            f'<s:Envelope xmlns:s="{NS["s"]}" xmlns:a="{NS["a"]}" xmlns:w="{NS["w"]}" xmlns:e="{NS["e"]}"><s:Header>'
            f'<a:To>{self.url}</a:To><w:ResourceURI s:mustUnderstand="true">{resource}</w:ResourceURI>'
            f"<a:ReplyTo><a:Address>{ANONYMOUS}</a:Address></a:ReplyTo>"
            f'<a:Action s:mustUnderstand="true">{action}</a:Action><a:MessageID>{message}</a:MessageID>'
            f"<w:OperationTimeout>PT60S</w:OperationTimeout>"
            f"{'<w:SelectorSet>' + selectors + '</w:SelectorSet>' if selectors else ''}{header}</s:Header>"
            f"<s:Body>{ET.tostring(body, encoding='unicode') if body is not None else ''}</s:Body></s:Envelope>"
        )
        reply = ET.fromstring(self.send(envelope))
        if reply.findtext(".//a:RelatesTo", namespaces=NS) != message:
            raise ValueError("an answer to something else")
        return reply.find("s:Body", namespaces=NS)


def query(client, text):
    """All objects of a query, in optimized pages."""
    body = ET.Element(f"{{{NS['n']}}}Enumerate")
    ET.SubElement(body, f"{{{NS['w']}}}OptimizeEnumeration")
    ET.SubElement(body, f"{{{NS['w']}}}MaxElements").text = "2"
    ET.SubElement(body, f"{{{NS['w']}}}Filter", Dialect=WQL).text = text
    return pages(client, "*", client.enumerate("*", body), maximum="2")


def enumerate_one_by_one(client, resource):
    """All objects of a class, one for each Pull, as Windows gives them to who asks for no more."""
    body = ET.Element(f"{{{NS['n']}}}Enumerate")
    return pages(client, resource, client.enumerate(resource, body), maximum=None)


def pages(client, resource, reply, maximum):
    instances, pulls = [], 0
    while True:
        for items in [*reply.iter(f"{{{NS['n']}}}Items"), *reply.iter(f"{{{NS['w']}}}Items")]:
            instances.extend(items)
        ends = [*reply.iter(f"{{{NS['n']}}}EndOfSequence"), *reply.iter(f"{{{NS['w']}}}EndOfSequence")]
        if ends:
            return instances, pulls
        context = reply.findtext(".//n:EnumerationContext", namespaces=NS)
        body = ET.Element(f"{{{NS['n']}}}Pull")
        ET.SubElement(body, f"{{{NS['n']}}}EnumerationContext").text = context
        if maximum:
            ET.SubElement(body, f"{{{NS['n']}}}MaxElements").text = maximum
        reply = client.pull(resource, body)
        pulls += 1


def reference(parent, tag, namespace, resource, keys):
    """A reference as Windows wants it in a parameter: without a wrapper."""
    element = ET.SubElement(parent, f"{{{namespace}}}{tag}")
    ET.SubElement(element, f"{{{NS['a']}}}Address").text = ANONYMOUS
    parameters = ET.SubElement(element, f"{{{NS['a']}}}ReferenceParameters")
    ET.SubElement(parameters, f"{{{NS['w']}}}ResourceURI").text = resource
    selectors = ET.SubElement(parameters, f"{{{NS['w']}}}SelectorSet")
    for name, value in keys.items():
        ET.SubElement(selectors, f"{{{NS['w']}}}Selector", Name=name).text = value


def export(client):
    """Finds a machine and a point of it, exports the point and follows the job to its end."""
    machines, _ = query(client, "SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'web01'")
    (machine,) = [properties(machine) for machine in machines]
    points, pulls = enumerate_one_by_one(client, "Msvm_VirtualSystemReferencePoint")
    points = [properties(point) for point in points]
    body = client.get(
        WMI + "Msvm_ComputerSystem", {"CreationClassName": "Msvm_ComputerSystem", "Name": machine["Name"]}
    )
    got = properties(next(iter(body)))
    point = next(point for point in points if point["VirtualSystemIdentifier"] == machine["Name"])

    service = "Msvm_VirtualSystemReferencePointService"
    namespace = WMI + service
    services, _ = query(client, f"SELECT * FROM {service}")
    named = properties(services[0])
    keys = ["SystemCreationClassName", "SystemName", "CreationClassName", "Name"]
    arguments = ET.Element(f"{{{namespace}}}ExportReferencePoint_INPUT")
    reference(
        arguments,
        "ReferencePoint",
        namespace,
        WMI + "Msvm_VirtualSystemReferencePoint",
        {key: point[key] for key in ["InstanceID", "VirtualSystemIdentifier"]},
    )
    ET.SubElement(arguments, f"{{{namespace}}}ExportDirectory").text = "D:\\exports\\by-" + type(client).__name__.lower()
    ET.SubElement(arguments, f"{{{namespace}}}ExportSettingData").text = SETTINGS
    output = client.invoke(service, "ExportReferencePoint", {key: named[key] for key in keys}, arguments)
    result = next(iter(output))
    read = {local(child): child for child in result}
    job_resource = read["Job"].findtext(".//w:ResourceURI", namespaces=NS)
    job_keys = {selector.get("Name"): selector.text for selector in read["Job"].iter(f"{{{NS['w']}}}Selector")}
    states = []
    while not states or int(states[-1]) < 7:
        job = properties(next(iter(client.get(job_resource, job_keys))))
        states.append(job["JobState"])
    return {
        "machine": machine["Name"],
        "got": got["ElementName"],
        "points": sorted(point["InstanceID"] for point in points),
        "pulls": pulls,
        "return_value": int(read["ReturnValue"].text),
        "job_class": job_resource.rpartition("/")[2],
        "job_state": int(states[-1]),
        "job_percent": int(job["PercentComplete"]),
    }


def variable(value):
    """An environment variable as a body."""
    resource = CIMV2 + "Win32_Environment"
    body = ET.Element(f"{{{resource}}}Win32_Environment")
    for name, text in {"Name": "FOREIGN", "UserName": "<SYSTEM>", "VariableValue": value}.items():
        ET.SubElement(body, f"{{{resource}}}{name}").text = text
    return body


def subscribe(client):
    body = ET.Element(f"{{{NS['e']}}}Subscribe")
    delivery = ET.SubElement(
        body, f"{{{NS['e']}}}Delivery", Mode="http://schemas.dmtf.org/wbem/wsman/1/wsman/Pull"
    )
    ET.SubElement(delivery, f"{{{NS['w']}}}Heartbeats").text = "PT20S"
    ET.SubElement(delivery, f"{{{NS['w']}}}Locale").set("{http://www.w3.org/XML/1998/namespace}lang", "en-US")
    ET.SubElement(body, f"{{{NS['e']}}}Expires").text = "PT60S"
    ET.SubElement(body, f"{{{NS['w']}}}Filter", Dialect=WQL).text = (
        "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA 'Win32_Environment'"
    )
    return client.ask(EVENTING + "/Subscribe", CIMV2 + "*", {}, body)


def change(client):
    """Subscribes, makes an object, changes it, reads it, removes it, and pulls what it was told of that."""
    resource = CIMV2 + "Win32_Environment"
    keys = {"Name": "FOREIGN", "UserName": "<SYSTEM>" if isinstance(client, Pypsrp) else "&lt;SYSTEM&gt;"}
    subscribed = subscribe(client)
    context = subscribed.findtext(".//n:EnumerationContext", namespaces=NS)
    identifier = subscribed.findtext(".//e:SubscriptionManager//e:Identifier", namespaces=NS)

    created = client.transfer("Create", resource, {}, variable("one"))
    made = {selector.get("Name"): selector.text for selector in created.iter(f"{{{NS['w']}}}Selector")}
    events = pull(client, context)
    put = client.transfer("Put", resource, keys, variable("two"))
    was_put = [properties(one)["VariableValue"] for one in put.iter(f"{{{resource}}}Win32_Environment")]
    got = client.get(resource, keys)
    got = [properties(one)["VariableValue"] for one in got.iter(f"{{{resource}}}Win32_Environment")]
    events += pull(client, context)
    client.transfer("Delete", resource, keys, None)
    events += pull(client, context)
    try:
        client.get(resource, keys)
        is_gone = False
    except Exception:  # each client has its own
        is_gone = True
    if isinstance(client, Pywinrm):
        header = f"<e:Identifier>{identifier}</e:Identifier>"
        body = ET.Element(f"{{{NS['e']}}}Unsubscribe")
        client.ask(EVENTING + "/Unsubscribe", CIMV2 + "*", {}, body, header)
    limit = [element.text for element in client.config().iter() if local(element) == "MaxEnvelopeSizekb"]
    return {
        "made": made,
        "put": was_put,
        "got": got,
        "is_gone": is_gone,
        "events": events,
        "has_identifier": bool(identifier),
        "max_envelope_size": limit,
    }


def pull(client, context):
    """Waits for events, as long as it takes."""
    body = ET.Element(f"{{{NS['n']}}}Pull")
    ET.SubElement(body, f"{{{NS['n']}}}EnumerationContext").text = context
    ET.SubElement(body, f"{{{NS['n']}}}MaxElements").text = "10"
    reply = client.ask(ENUMERATION + "/Pull", CIMV2 + "*", {}, body)
    (items,) = reply.iter(f"{{{NS['n']}}}Items")
    return [local(item) for item in items]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client", choices=["pypsrp", "pywinrm"])
    parser.add_argument("url")
    parser.add_argument("--user", default=None)
    parser.add_argument("--auth", required=True)
    parser.add_argument("--ca", help="the certificate to trust")
    parser.add_argument("--host", help="the name of the host for Kerberos, where the URL has an address")
    parser.add_argument("--service", default="HTTP")
    parser.add_argument("--export", action="store_true", help="beside Identify, export a point to its end")
    parser.add_argument("--change", action="store_true", help="make, change and remove an object, and be told of it")
    parser.add_argument("--read", metavar="URI", help="read the settings of a resource")
    options = parser.parse_args()
    options.password = os.environ.get("REFPOINT_INTEROP_PASSWORD")
    warnings.simplefilter("ignore")
    try:
        client = {"pypsrp": Pypsrp, "pywinrm": Pywinrm}[options.client](options)
        read = {"version": version(client.send(IDENTIFY))}
        if options.export:
            read.update(export(client))
        if options.change:
            read.update(change(client))
        if options.read:
            (element,) = client.get(options.read, {})
            read.update({"element": element.tag, "settings": properties(element)})
    except Exception as error:  # whatever it is, the test wants to read it
        print(json.dumps({"error": type(error).__name__, "text": str(error)}))
        sys.exit(1)
    print(json.dumps(read))


if __name__ == "__main__":
    main()
