// Two nodes of a cluster on copies of their directories and on ports of their own, where no third can repair what one of them has lost.
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cluster, ClusterNode, freePorts, membersFlag, type NodePlan, PROGRAM } from '../cluster.ts';
import type { SeededRandom } from '../random.ts';
import { damage } from './damage.ts';

/** A victim whose directory is damaged anew for each trial, and a witness that is behind: only together do they make a majority. */
export class Island {
  readonly victim: ClusterNode;
  readonly #witness: ClusterNode;
  readonly #folder: string;
  #keptForRejoin = 'no damage';

  private constructor(victim: ClusterNode, witness: ClusterNode, folder: string) {
    this.victim = victim;
    this.#witness = witness;
    this.#folder = folder;
  }

  /** Copies the directory of the witness, which must not be running. */
  static async around(cluster: Cluster, victim: ClusterNode, witness: ClusterNode): Promise<Island> {
    const folder = join(cluster.folder, 'island');
    const ports = await freePorts(cluster.nodes.length * 2);
    const plans = cluster.nodes.map(
      ({ plan }, at): NodePlan => ({
        ...plan,
        http: { host: '127.0.0.1', port: ports[2 * at] ?? 0 },
        peer: { host: '127.0.0.1', port: ports[2 * at + 1] ?? 0 },
        dataDir: join(folder, plan.id),
        logFile: join(cluster.folder, `island-${plan.id}.log`),
      }),
    );
    const nodeOn = (node: ClusterNode): ClusterNode => {
      const plan = plans.find(({ id }) => id === node.plan.id);
      if (!plan) throw new Error(`${node.plan.id} is no member`);
      return new ClusterNode(plan, membersFlag(plans), PROGRAM);
    };
    replaceFolder(witness.plan.dataDir, join(folder, 'witness'));
    return new Island(nodeOn(victim), nodeOn(witness), folder);
  }

  /** Copies the directory of the stopped victim: the undamaged state from which every trial begins. */
  keepVictim(victim: ClusterNode): void {
    replaceFolder(victim.plan.dataDir, join(this.#folder, 'original'));
    replaceFolder(victim.plan.dataDir, join(this.#folder, 'damaged'));
    replaceFolder(victim.plan.dataDir, join(this.#folder, 'rejoin'));
  }

  /** Keeps the present damaged directory for `layForRejoin`, if the harm is to more than LevelDB's notes for people. */
  keepForRejoin(harm: string): void {
    if (/\/LOG(\.old)?( |$)/.test(harm)) return;
    this.#keptForRejoin = harm;
    replaceFolder(join(this.#folder, 'damaged'), join(this.#folder, 'rejoin'));
  }

  /** Puts the directory that was kept last where `node` will look for its data; returns the harm in it. */
  layForRejoin(node: ClusterNode): string {
    replaceFolder(join(this.#folder, 'rejoin'), node.plan.dataDir);
    return this.#keptForRejoin;
  }

  /** Makes a fresh damaged directory for what follows, and says what was done to it. */
  harm(random: SeededRandom): string {
    const damaged = join(this.#folder, 'damaged');
    replaceFolder(join(this.#folder, 'original'), damaged);
    return damage(damaged, random);
  }

  /** Starts both, each on a fresh copy. */
  start(): void {
    replaceFolder(join(this.#folder, 'damaged'), this.victim.plan.dataDir);
    // So that what the victim says is about this trial.
    writeFileSync(this.victim.plan.logFile, '');
    replaceFolder(join(this.#folder, 'witness'), this.#witness.plan.dataDir);
    this.victim.start();
    this.#witness.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.victim.kill(), this.#witness.kill()]);
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

function replaceFolder(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true });
}
