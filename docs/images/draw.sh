#!/bin/sh
# Makes the pictures of the documentation: `make docs` runs it, in the repository's folder, and a test runs it elsewhere
# and compares what comes.
set -e
mkdir -p build/docs

nir convert examples/mobilenet_v1_int8/model.relay --params examples/mobilenet_v1_int8/model.params -o build/docs/mobilenet.nir
nir draw build/docs/mobilenet.nir -o docs/images/mobilenet.svg

nir draw examples/softplus.nir --theme dark -o docs/images/softplus_dark.svg
nir draw examples/softplus.nir --html -o build/docs/softplus.html
nir draw examples/softplus.nir --format model-explorer -o build/docs/softplus.json
nir partition examples/softplus.nir --targets apu -o build/docs/softplus
mv build/docs/softplus/partition.svg docs/images/softplus_partition.svg

python -m examples.networks nasnet_mobile -o build/docs/nasnet_mobile.nir
nir partition build/docs/nasnet_mobile.nir --targets nnapi-2 -o build/docs/nasnet_mobile
mv build/docs/nasnet_mobile/partition.svg docs/images/nasnet_partition.svg
