#!/bin/sh
# Prints settings with new secrets for compose.yaml: sh make-env.sh > .env
# Keep the file: without HEDGEROW_MASTER_KEY the database cannot be used again.
set -eu
random() { head -c "$1" /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }
umask 077
echo "HEDGEROW_MASTER_KEY=$(random 32)"
echo "POSTGRES_PASSWORD=$(random 24)"
echo "STORE_ACCESS_KEY=$(random 10)"
echo "STORE_SECRET_KEY=$(random 20)"
