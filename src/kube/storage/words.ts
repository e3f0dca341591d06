/** Annotations and names by which the parts that deal with volumes understand each other. */

/** The claim's or volume's binding was finished; without it a bound volume is one that somebody asked for. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed'
/** The controller, and no person, made this side of a binding: it may undo it. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller'
/** Which provisioner made a volume. */
export const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by'
/** The node that the scheduler chose for a claim whose class waits for its first pod. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node'
/** How classes were named before they had a field. */
export const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class'

export const CLAIM_PROTECTION = 'kubernetes.io/pvc-protection'
export const VOLUME_PROTECTION = 'kubernetes.io/pv-protection'
/** Keeps a PersistentVolume until the host has put its folder aside, or may keep it. */
export const FOLDER_FINALIZER = 'volume.bowline.dev/folder'

/** The provisioner of folders on hosts, and the class that every cluster has for it. */
export const LOCAL_PROVISIONER = 'bowline.dev/local'
export const LOCAL_CLASS = 'local'
/** `csi.driver` of a folder on a host that its agent made: the handle is the folder's name. */
export const LOCAL_DRIVER = 'local.bowline.dev'
/** `csi.driver` of a Docker volume that a host has already: the handle is its name. */
export const DOCKER_DRIVER = 'docker.bowline.dev'
/** `csi.volumeAttributes` of a folder on a host: the node whose agent has it. */
export const NODE_ATTRIBUTE = 'node'

/** On a claim: why its pods wait for a while, in a few words; the scheduler and the agents start none. */
export const HELD = 'volume.bowline.dev/held'
/** On a claim: the node that its volume is to move to; taking it away before the volume has moved cancels. */
export const MOVE_TO = 'volume.bowline.dev/move-to'
/** On a claim: the move whose original may go. */
export const MOVE_CONFIRMED = 'volume.bowline.dev/move-confirmed'
/** On a claim: how far a move is, as JSON; written by the controller of moves only. */
export const MOVE_STATE = 'volume.bowline.dev/move'
/** On a new claim: the snapshot that its volume begins with, `<node>/<volume>/<id>`. */
export const FROM_SNAPSHOT = 'volume.bowline.dev/from-snapshot'

export const HOSTNAME_LABEL = 'kubernetes.io/hostname'

/** The annotation that makes a class the one of claims that name none. */
export const DEFAULT_STORAGE_CLASS = 'storageclass.kubernetes.io/is-default-class'
