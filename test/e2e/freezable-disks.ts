// File systems of their own for the data of nodes, which can be frozen: every write to them hangs until they are thawed.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IMAGE_BYTES = 256 << 20;
/** So small a disk has no room for the usual reserve. */
export const SMALL_DISK_FLAGS = ['--disk-reserve', '16MiB', '--ballast', '1MiB'];
/** A frozen file system is thawed after this at the latest, in seconds, whatever has become of the process that froze it. */
const FREEZE_MAX_S = 120;

function run(command: string, ...argv: string[]): void {
  const { status, error, stderr } = spawnSync(command, argv, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${argv.join(' ')}: ${error?.message ?? stderr}`);
}

/** Loop-mounted images. `release` must be called when no process has files open on them any more. */
export class FreezableDisks {
  readonly #directory = mkdtempSync(join(tmpdir(), 'leasehold-freeze-'));
  readonly #mounts: string[] = [];
  readonly #frozen = new Set<string>();
  readonly #atExit = (): void => this.release();

  constructor() {
    process.once('exit', this.#atExit);
  }

  /** Why this machine cannot freeze file systems; null if it can. */
  static obstacle(): string | null {
    if (process.platform !== 'linux') return `file systems are frozen on Linux only, this is ${process.platform}`;
    if (process.getuid?.() !== 0) return 'only root may mount and freeze file systems';
    const disks = new FreezableDisks();
    try {
      const directory = join(disks.#directory, 'trial');
      disks.mount(directory);
      disks.freeze(directory);
      return null;
    } catch (error) {
      return (error as Error).message;
    } finally {
      disks.release();
    }
  }

  /** Makes an empty file system and mounts it at `directory`. */
  mount(directory: string): void {
    const image = join(this.#directory, `${this.#mounts.length}.img`);
    writeFileSync(image, '');
    truncateSync(image, IMAGE_BYTES);
    run('mkfs.ext4', '-q', image);
    mkdirSync(directory, { recursive: true });
    run('mount', '-o', 'loop', image, directory);
    this.#mounts.push(directory);
    rmdirSync(join(directory, 'lost+found'));
  }

  freeze(directory: string): void {
    // Outlives this process: a file system that stays frozen would hold up every process that writes to it, and could not be unmounted.
    const thaw = `sleep ${FREEZE_MAX_S}; fsfreeze -u "$0" 2>/dev/null`;
    spawn('sh', ['-c', thaw, directory], { detached: true, stdio: 'ignore' }).unref();
    run('fsfreeze', '-f', directory);
    this.#frozen.add(directory);
  }

  thaw(directory: string): void {
    if (this.#frozen.delete(directory)) run('fsfreeze', '-u', directory);
  }

  thawAll(): void {
    for (const directory of [...this.#frozen]) this.thaw(directory);
  }

  /** Thaws, unmounts, and removes everything. Calling it twice does nothing. */
  release(): void {
    process.removeListener('exit', this.#atExit);
    this.thawAll();
    for (const directory of this.#mounts.splice(0)) {
      if (spawnSync('umount', [directory]).status !== 0) spawnSync('umount', ['-l', directory]);
    }
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
