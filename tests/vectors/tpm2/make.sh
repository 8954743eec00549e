#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Has a software TPM (swtpm 0.7, libtpms 0.9) quote itself with tpm2-tools 5.4 and keeps the files that the tools write.
# Run in an empty folder; a run makes other keys and quotes than those that are kept here.
set -eu
here=$PWD
swtpm socket --tpm2 --tpmstate "dir=$here" --flags not-need-init --daemon --pid "file=$here/pid" \
  --server "type=unixio,path=$here/tpm" --ctrl "type=unixio,path=$here/tpm.ctrl"
trap 'kill "$(cat "$here/pid")"; rm -f "$here"/tpm* "$here"/*.permall "$here"/*.ctx "$here"/*.priv "$here"/*.pub "$here"/.lock' EXIT
export TPM2TOOLS_TCTI="swtpm:path=$here/tpm"
tpm2_startup -c
tpm2_createprimary -Q -C e -c primary.ctx
for pcr in 0 4 7 11 14 23; do
  tpm2_pcrextend "$pcr:sha1=$(printf %040d "$pcr"),sha256=$(printf %064d "$pcr"),sha384=$(printf %096d "$pcr")"
done

# quote CASE KEY PCRS [OPTION...]: CASE.key.pem, CASE.msg, CASE.sig, CASE.pcrs and CASE.yaml, what tpm2_quote prints.
quote() {
  case=$1 key=$2 pcrs=$3
  shift 3
  tpm2_create -Q -C primary.ctx -G "$key" -u key.pub -r key.priv \
    -a 'fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign'
  tpm2_flushcontext -t
  tpm2_load -Q -C primary.ctx -u key.pub -r key.priv -c key.ctx
  tpm2_flushcontext -t
  tpm2_readpublic -Q -c key.ctx -f pem -o "$case.key.pem"
  tpm2_quote -c key.ctx -l "$pcrs" -q "$(printf 'nonce of %s' "$case" | sha256sum | cut -c1-64)" \
    -m "$case.msg" -s "$case.sig" -o "$case.pcrs" "$@" >"$case.yaml"
  tpm2_flushcontext -t
}

quote serialized rsa2048:rsassa-sha256:null sha256:0,1,2,3,4,5,6,7,11,14 -F serialized
quote values rsa2048:rsassa-sha256:null sha256:0,1,2,3,4,7,11,23 -F values -f plain
quote banks rsa2048:rsapss-sha256:null sha1:0,1+sha256:0,7,23 -F serialized --scheme rsapss
quote sha384 rsa3072:rsapss-sha384:null sha384:0,4,7 -F values --scheme rsapss -g sha384
quote all rsa3072:rsassa-sha256:null sha256:all -F serialized
quote ecdsa ecc256:ecdsa-sha256:null sha256:0 -F values --scheme ecdsa
tpm2_pcrread sha256:0,1,2,3,4,5,6,7,11,14 >pcrread.yaml
