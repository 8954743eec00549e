// SPDX-License-Identifier: Apache-2.0
#include "blindbox/deploy/internal/vm_scripts.h"

namespace blindbox::deploy::internal {

const std::string_view kBuildImage =
    R"sh(# usage: build-image --kernel VMLINUZ --modules DIR [--source IMAGE] [--stub FILE] [--firmware FILE --vcpus N]
#   --modules  the kernel's folder below /lib/modules; 6.7 or later for reports of SEV-SNP
#   --source   where to take the image from instead of its registry: oci:FOLDER, docker-archive:FILE
#   --stub     systemd's; /usr/lib/systemd/boot/efi/linuxx64.efi.stub unless given
#   --firmware what the provider publishes of its own: predicts the launch digest
# As root, since the files keep their owners. Debian and Ubuntu: binutils, busybox-static, cpio, cryptsetup-bin, dosfstools,
# fdisk, kmod, mtools, squashfs-tools, systemd-boot-efi, xz-utils, zstd; and blindbox.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
source=docker://$image
kernel="" modules="" firmware="" vcpus=2

die() {
  printf 'build-image: error: %s\n' "$1" >&2
  exit 1
}
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || die "$1 is no option, or lacks its value"
  case $1 in
    --kernel) kernel=$2 ;;
    --modules) modules=$2 ;;
    --source) source=$2 ;;
    --stub) stub=$2 ;;
    --firmware) firmware=$2 ;;
    --vcpus) vcpus=$2 ;;
    *) die "there is no option $1" ;;
  esac
  shift 2
done
[ "$(id -u)" = 0 ] || die 'run it as root: the files keep their owners'
[ -f "$kernel" ] || die '--kernel names no file'
[ -d "$modules" ] || die '--modules names no folder'
[ -f "$stub" ] || die "there is no stub at $stub: apt-get install systemd-boot-efi, or name one by --stub"
# Where a user's own PATH lacks the administrator's programs.
PATH=$PATH:/usr/sbin:/sbin
lacking=""
while read -r tool package; do
  command -v "$tool" >/dev/null && continue
  echo "build-image: error: $tool is not installed" >&2
  lacking="$lacking $package"
done <<'END'
busybox busybox-static
cpio cpio
mcopy mtools
mkfs.vfat dosfstools
mksquashfs squashfs-tools
modinfo kmod
objcopy binutils
sfdisk fdisk
veritysetup cryptsetup-bin
xz xz-utils
zstd zstd
END
[ -z "$lacking" ] || die "on Debian and Ubuntu: apt-get install$lacking"
command -v blindbox >/dev/null || die 'blindbox is not installed: put it on the PATH'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 022

# 1. The root: the wrapped image as it was measured, read-only, under dm-verity. Salt and UUID follow from the image, so
# that the same image gives the same hash.
found=$(blindbox image unpack "$source" "$work/root")
[ "$found" = "${image##*@}" ] || die "$source is $found, measured was ${image##*@}"
# An image's link would have root write where it leads on this machine.
for folder in dev proc sys run tmp etc; do
  [ ! -L "$work/root/$folder" ] || die "the image's /$folder is a link, and must be a folder"
  mkdir -p "$work/root/$folder"
done
# The machine's own, as under every container engine.
ln -sfT ../run/resolv.conf "$work/root/etc/resolv.conf"
for folder in "" dev proc sys run tmp etc; do touch -hd @0 "$work/root/$folder"; done
mksquashfs "$work/root" "$work/root.img" -noappend -no-progress -quiet -comp gzip -all-time 0 -mkfs-time 0 >/dev/null
truncate -s %4096 "$work/root.img"
hashes=$(stat -c %s "$work/root.img")
salt=${image##*@sha256:}
uuid=${salt:0:8}-${salt:8:4}-${salt:12:4}-${salt:16:4}-${salt:20:12}
verity=(--no-superblock --hash=sha256 --format=1 --data-block-size=4096 --hash-block-size=4096
  "--data-blocks=$((hashes / 4096))" "--hash-offset=$hashes" "--salt=$salt")
roothash=$(veritysetup format "${verity[@]}" "$work/root.img" "$work/root.img" |
  sed -n 's/^Root hash:[[:space:]]*//p')
[ ${#roothash} = 64 ] || die 'veritysetup printed no root hash'

# 2. The initial file system. The root hash stands in here and not on the command line: this is measured into PCR 11 in any
# case, and a boot option can replace the other.
into=$work/initrd
mkdir -p "$into/bin" "$into/dev" "$into/proc" "$into/sys" "$into/new" "$into/modules"
cp "$(command -v busybox)" "$into/bin/busybox"
! ldd "$into/bin/busybox" >/dev/null 2>&1 || die 'busybox is not static: install busybox-static'
for applet in cat grep insmod ip mkdir mount poweroff sed sh sleep switch_root udhcpc umount; do
  ln -s busybox "$into/bin/$applet"
done
cp -L "$(command -v veritysetup)" "$into/bin/veritysetup"
for library in $(ldd "$into/bin/veritysetup" | grep -o '/[^ ]*'); do
  mkdir -p "$into$(dirname "$library")"
  cp -L "$library" "$into$library"
done
add_module() {
  local file name=${1//-/_} needed
  file=$(find "$modules" \( -name "$1.ko*" -o -name "$name.ko*" -o -name "${name//_/-}.ko*" \) -print -quit)
  if [ -z "$file" ]; then
    grep -qsE "/(${name}|${name//_/-})\.ko" "$modules/modules.builtin" && return
    case $1 in
      dm_verity | squashfs) die "the kernel has no module $1" ;;
      *) echo "build-image: note: the kernel has no module $1" >&2 && return ;;
    esac
  fi
  [ ! -e "$into/modules/$name.ko" ] || return 0
  for needed in $(modinfo -F depends "$file" | tr , ' '); do add_module "$needed"; done
  case $file in
    *.xz) xz -dc "$file" ;;
    *.zst) zstd -qdc "$file" ;;
    *) cat "$file" ;;
  esac >"$into/modules/$name.ko"
  echo "$name" >>"$into/modules/order"
}
for module in dm_verity squashfs sev_guest $drivers; do add_module "$module"; done
# No superblock: of the disk, which is the provider's, nothing is believed but what hashes right.
sed "/^veritysetup open @VERITY@ /{ s/@ROOTHASH@/$roothash/; s/@VERITY@/${verity[*]}/; }" "$here/initrd-init" >"$into/init"
chmod 755 "$into/init"
cat >"$into/bin/dhcp" <<'END'
#!/bin/busybox sh
[ "$1" = bound ] || exit 0
/bin/ip addr add "$ip/${mask:-24}" dev "$interface"
[ -z "$router" ] || /bin/ip route add default via "${router%% *}" dev "$interface"
for server in $dns; do echo "nameserver $server"; done >/new/run/resolv.conf
END
chmod 755 "$into/bin/dhcp"
find "$into" -exec touch -hd @0 {} +
(cd "$into" && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet --reproducible -R 0:0 -o -H newc) >"$work/initrd.img"

# 3. One file that firmware starts: systemd's stub, kernel, initial file system, command line.
printf 'ID=blindbox\nIMAGE_ID=%s\n' "$name" >"$work/osrel"
printf 'console=ttyS0 panic=-1 quiet' >"$work/cmdline"
address=$(objdump -h "$stub" | awk '$1 ~ /^[0-9]+$/ { print "0x" $4, "0x" $3 }' |
  while read -r at size; do echo $((at + size)); done | sort -n | tail -n 1)
sections=()
for section in osrel:osrel cmdline:cmdline linux:kernel initrd:initrd.img; do
  file=$work/${section#*:}
  [ "${section#*:}" != kernel ] || file=$kernel
  address=$(((address + 65535) / 65536 * 65536))
  sections+=(--add-section ".${section%%:*}=$file" --change-section-vma ".${section%%:*}=$address")
  address=$((address + $(stat -c %s "$file")))
done
objcopy "${sections[@]}" "$stub" "$here/blindbox.efi"
# objcopy writes the time, and a checksum that nobody reads.
pe=$(od -An -tu4 -j60 -N4 "$here/blindbox.efi")
for field in $((pe + 8)) $((pe + 88)); do
  printf '\0\0\0\0' | dd of="$here/blindbox.efi" bs=1 seek="$field" conv=notrunc status=none
done

# 4. The disk: firmware's partition and the root's.
esp=$((($(stat -c %s "$here/blindbox.efi") / 1048576 + 8) * 2048))
[ $esp -ge 131072 ] || esp=131072
truncate -s %1M "$work/root.img"
root=$(($(stat -c %s "$work/root.img") / 512))
rm -f "$here/disk.raw"
truncate -s $(((esp + root + 4096) * 512)) "$here/disk.raw"
sfdisk --quiet "$here/disk.raw" <<END
label: gpt
label-id: $uuid
start=2048, size=$esp, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=esp
start=$((2048 + esp)), size=$root, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, name=blindbox-root
END
truncate -s $((esp * 512)) "$work/esp.img"
mkfs.vfat -F 32 --invariant "$work/esp.img" >/dev/null
mmd -i "$work/esp.img" ::/EFI ::/EFI/BOOT
mcopy -i "$work/esp.img" "$here/blindbox.efi" ::/EFI/BOOT/BOOTX64.EFI
dd if="$work/esp.img" of="$here/disk.raw" bs=1M seek=1 conv=notrunc,sparse status=none
dd if="$work/root.img" of="$here/disk.raw" bs=1M seek=$((1 + esp / 2048)) conv=notrunc,sparse status=none

# 5. What to expect.
echo "root hash  $roothash"
blindbox measure --uki "$here/blindbox.efi"
zeros=$(printf '0%.0s' {1..64})
echo "  pcr 12         $zeros, else somebody changed the command line"
echo "  pcr 13         $zeros, else somebody added files"
if [ -n "$firmware" ] && [ -n "$hypervisor" ]; then
  blindbox measure --launch-digest --firmware "$firmware" --hypervisor "$hypervisor" --vcpus "$vcpus"
else
  echo "launch digest: not predicted. $unknown_firmware"
fi
)sh";

const std::string_view kInitrd =
    R"sh(# Process 1 of the initial file system: opens the root by the hash that stands here, brings the network up, and hands over.
# No shell is left anywhere: whatever fails turns the machine off.
set -u
PATH=/bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
mount -t sysfs sys /sys
die() {
  echo "blindbox: error: $1" >/dev/console
  sleep 1
  poweroff -f
  sleep 60
}
while read -r module; do
  insmod "/modules/$module.ko" || echo "blindbox: note: the kernel refused the module $module" >/dev/console
done </modules/order
device=
tries=0
while [ -z "$device" ] && [ $tries -lt 60 ]; do
  for place in /sys/class/block/*/uevent; do
    grep -q '^PARTNAME=blindbox-root$' "$place" && device=/dev/$(sed -n 's/^DEVNAME=//p' "$place")
  done
  [ -n "$device" ] || sleep 0.5
  tries=$((tries + 1))
done
[ -n "$device" ] || die 'there is no partition blindbox-root'
export DM_DISABLE_UDEV=1
veritysetup open @VERITY@ "$device" root "$device" @ROOTHASH@ ||
  die 'the root is not the one that was measured'
mount -t squashfs -o ro /dev/mapper/root /new || die 'the root cannot be mounted'
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs /new/run
mount -t tmpfs -o nosuid,nodev tmpfs /new/tmp
ip link set lo up
for network in /sys/class/net/*; do
  network=${network##*/}
  [ "$network" != lo ] || continue
  ip link set "$network" up
  udhcpc -q -n -t 10 -i "$network" -s /bin/dhcp >/dev/null 2>&1 ||
    echo "blindbox: note: no address for $network" >/dev/console
done
for folder in dev proc sys; do mount --move "/$folder" "/new/$folder" || die "/$folder cannot be moved"; done
)sh";

const std::string_view kUploadAzure = R"sh(# usage: RESOURCE_GROUP=... LOCATION=... GALLERY=... upload
# Makes a version of a gallery's image out of disk.raw, and one confidential VM of it. Needs az, azcopy and qemu-img.
set -euo pipefail
cd "$(dirname "$0")"
: "${RESOURCE_GROUP:?}" "${LOCATION:?}" "${GALLERY:?}"
truncate -s %1M disk.raw
qemu-img convert -f raw -O vpc -o subformat=fixed,force_size disk.raw disk.vhd
az disk create -g "$RESOURCE_GROUP" -l "$LOCATION" -n "$name" --os-type Linux --hyper-v-generation V2 \
  --upload-type Upload --upload-size-bytes "$(stat -c %s disk.vhd)" --sku StandardSSD_LRS
sas=$(az disk grant-access -g "$RESOURCE_GROUP" -n "$name" --access-level Write --duration-in-seconds 86400 \
  --query '[accessSas, accessSAS] | [?@] | [0]' -o tsv)
azcopy copy disk.vhd "$sas" --blob-type PageBlob
az disk revoke-access -g "$RESOURCE_GROUP" -n "$name"
az sig image-definition create -g "$RESOURCE_GROUP" -r "$GALLERY" -i "$name" --publisher blindbox --offer "$name" \
  --sku 1 --os-type Linux --os-state Specialized --hyper-v-generation V2 --features SecurityType=ConfidentialVmSupported
az sig image-version create -g "$RESOURCE_GROUP" -r "$GALLERY" -i "$name" -e 1.0.0 --os-snapshot \
  "$(az disk show -g "$RESOURCE_GROUP" -n "$name" --query id -o tsv)"
az vm create -g "$RESOURCE_GROUP" -n "$name" --size "$size" --specialized --security-type ConfidentialVM \
  --os-disk-security-encryption-type VMGuestStateOnly --enable-vtpm true --enable-secure-boot false --image \
  "$(az sig image-version show -g "$RESOURCE_GROUP" -r "$GALLERY" -i "$name" -e 1.0.0 --query id -o tsv)"
az vm open-port -g "$RESOURCE_GROUP" -n "$name" --port "$port"
)sh";

const std::string_view kUploadAws = R"sh(# usage: BUCKET=... SECURITY_GROUP=... upload
# Makes a machine image out of disk.raw, and one instance of it with SEV-SNP. Needs aws, and its role "vmimport".
set -euo pipefail
cd "$(dirname "$0")"
: "${BUCKET:?}" "${SECURITY_GROUP:?}"
aws s3 cp disk.raw "s3://$BUCKET/$name.raw"
task=$(aws ec2 import-snapshot --query ImportTaskId --output text \
  --disk-container "Format=raw,UserBucket={S3Bucket=$BUCKET,S3Key=$name.raw}")
aws ec2 wait snapshot-imported --import-task-ids "$task"
snapshot=$(aws ec2 describe-import-snapshot-tasks --import-task-ids "$task" \
  --query 'ImportSnapshotTasks[0].SnapshotTaskDetail.SnapshotId' --output text)
ami=$(aws ec2 register-image --name "$name" --architecture x86_64 --virtualization-type hvm --boot-mode uefi \
  --tpm-support v2.0 --ena-support --root-device-name /dev/xvda \
  --block-device-mappings "DeviceName=/dev/xvda,Ebs={SnapshotId=$snapshot}" --query ImageId --output text)
aws ec2 run-instances --image-id "$ami" --instance-type "$size" --cpu-options AmdSevSnp=enabled \
  --security-group-ids "$SECURITY_GROUP" --metadata-options HttpEndpoint=disabled
)sh";

const std::string_view kUploadGcp = R"sh(# usage: BUCKET=... ZONE=... upload
# Makes an image out of disk.raw, and one confidential VM of it. Needs gcloud.
set -euo pipefail
cd "$(dirname "$0")"
: "${BUCKET:?}" "${ZONE:?}"
truncate -s %1G disk.raw
tar --format=oldgnu -Sczf disk.tar.gz disk.raw
gcloud storage cp disk.tar.gz "gs://$BUCKET/$name.tar.gz"
gcloud compute images create "$name" --source-uri "gs://$BUCKET/$name.tar.gz" \
  --guest-os-features UEFI_COMPATIBLE,SEV_SNP_CAPABLE,GVNIC
gcloud compute instances create "$name" --zone "$ZONE" --image "$name" --machine-type "$size" \
  --min-cpu-platform "AMD Milan" --confidential-compute-type SEV_SNP --maintenance-policy TERMINATE \
  --network-interface nic-type=GVNIC --no-service-account --no-scopes --tags "$name"
gcloud compute firewall-rules create "$name" --allow "tcp:$port" --target-tags "$name"
)sh";

}  // namespace blindbox::deploy::internal
