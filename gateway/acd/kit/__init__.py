"""The conformance kit: scenarios that every ACD adapter must pass, driven from both sides.

On our side a scenario uses the `AcdPort` as a contact does; on the ACD's side it asks a `Stand` to do what agents, ACDs
and networks do. Rules that hold in every scenario are checked over everything that was said (`invariants`). It ships
with the product, so that an integrator can prove an adapter of their own: docs/integrator/acd-kit.md.
"""
