/**
 * The two shell programs that stand behind a container of host processes, so that it needs neither the agent nor Node to
 * live: POSIX sh, with the container's environment left alone (shell variables begin with `bw_`).
 *
 * The runner has the container's user, environment, folder and output. It starts the command as a session of its own,
 * waits for it, ends what it left behind in its process group, and writes the exit code to descriptor 3. To descriptor 4
 * it tells who runs, in a form that survives the reuse of process numbers: see `process-identity.ts`.
 *
 * Arguments: the path of `setsid`, or nothing where there is none (macOS; there the shell's job control makes the group);
 * then the command.
 */
export const RUNNER: string = `
bw_identify() {
  # It may end at any time, and what this shell complains of would stand in the log of the container.
  bw_stat=
  { read -r bw_stat < "/proc/$2/stat"; } 2> /dev/null
  if [ -n "$bw_stat" ]; then
    read -r bw_boot < /proc/sys/kernel/random/boot_id
    printf '%s %s %s %s\\n' "$1" "$2" "$bw_boot" "$bw_stat" >&4
  else
    printf '%s %s ps %s\\n' "$1" "$2" "$(/bin/ps -o lstart= -p "$2" 2> /dev/null)" >&4
  fi
}
trap : HUP INT TERM
bw_setsid=$1
shift
bw_identify self $$
if [ -n "$bw_setsid" ]; then
  "$bw_setsid" "$@" 3>&- 4>&- &
else
  set -m
  "$@" 3>&- 4>&- &
fi
bw_main=$!
bw_identify main "$bw_main"
exec > /dev/null 2>&1
while :; do
  wait "$bw_main"
  bw_code=$?
  # A signal to this shell ends the wait before the command does.
  kill -0 "$bw_main" || break
done
kill -s KILL -- "-$bw_main"
printf '%s\\n' "$bw_code" >&3
`

/**
 * The keeper copies what the container writes into numbered files `stdout.0`, `stdout.1`, … and removes the oldest ones
 * beyond 20 MB a stream. dd writes each read at once, so nothing waits in a buffer, and ends a file after so many reads.
 * When a disk is full it goes on reading, so that the container never blocks on its own output. It runs in the container's
 * folder and ends with the last process that has the output open. It writes a line to descriptor 3 for each stream that it
 * has opened: what is written before a pipe has a reader would be lost with its last writer.
 */
export const KEEPER: string = `
bw_keep() {
  echo open >&3
  exec 3>&-
  bw_n=0
  bw_oldest=0
  bw_total=0
  while dd bs=4096 count=2048 of="$1.$bw_n" 2> /dev/null && [ -s "$1.$bw_n" ]; do
    bw_total=$((bw_total + $(wc -c < "$1.$bw_n")))
    bw_n=$((bw_n + 1))
    while [ "$bw_total" -gt 20000000 ]; do
      bw_total=$((bw_total - $(wc -c < "$1.$bw_oldest")))
      rm -f "$1.$bw_oldest"
      bw_oldest=$((bw_oldest + 1))
    done
  done
  cat > /dev/null
}
bw_keep stdout < stdout.pipe &
bw_keep stderr < stderr.pipe &
exec 3>&-
wait
: > drained
`
