"""The demo: a stand-in AWS, a believable estate, a scripted editor and a tour through both."""
