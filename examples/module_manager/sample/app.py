"""The sample module as a Streamlit app. It shows names, and lengths instead of values."""

import os

import streamlit as st

st.title("Sample module")

st.header("Environment variables")
for name, value in sorted(os.environ.items()):
    st.text(f"{name}: {len(value.encode())} bytes")

st.header("The section db_credentials")
for name, value in st.secrets.get("db_credentials", {}).items():
    st.text(f"{name}: {len(str(value).encode())} bytes")
