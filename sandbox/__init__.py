"""A rehearsal Close: real HTTP on loopback, written from the contract, with nobody's real data.

    world = World.rehearsal(people=240)
    with running(world) as server:
        tokens = world.grant(world.user_id(ADMIN), world.organization_id(NORTHWIND))
        server.faults.drop("after", method="PUT")
        ...  # a client at server.url loses an answer; world.membership(id) tells what is true

The world (world.py, and the rules beside it: members, roles, groups, work, events, oauth) knows no
HTTP. close.py, routes.py and consent.py turn it into Close; server.py into sockets that misbehave.
"""
