"""What a component for mecha-host is written with: `mecha.pubsub`, `mecha.invoke`, `mecha.state`.

Each module needs its interfaces in the component's world, so a component imports the modules that it uses and no
other. What has no module here is used as it is generated: `from wit_world.imports import scheduler`.
"""
