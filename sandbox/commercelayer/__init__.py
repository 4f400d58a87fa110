"""A rehearsal Commerce Layer: its Provisioning API and token endpoint on loopback, with nobody's real data.

    world = CommerceWorld.rehearsal()
    with running(world) as server:
        tokens = world.grant(OWNER)      # or POST {server.url}/oauth/token with CLIENT_ID, CLIENT_SECRET
        server.faults.drop("after", method="PATCH")
        ...  # a client at {server.url}/api loses an answer; world.membership(id) tells what is true

The world (world.py, and the rules beside it: memberships, roles, access, organizations, tokens) knows
no HTTP. schema.py says what a resource has and who may write it; query.py, filters.py, documents.py and
bodies.py are JSON:API; api.py and routes.py turn it all into Commerce Layer.
"""
