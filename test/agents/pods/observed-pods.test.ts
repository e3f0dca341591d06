import { describe, expect, it } from 'vitest'
import { ObservedPods } from '../../../src/agents/pods/observed-pods.ts'
import { exited, running, sandbox } from '../support/pod-view.ts'

describe('ObservedPods', () => {
  it('ObservedPods.replace() takes over a list and names the pods that changed', () => {
    const observed = new ObservedPods()
    const first = observed.replace(observed.beginList(), [sandbox()], [running('app')])
    expect([...first]).toEqual(['uid-1'])
    expect(observed.pod('uid-1').containers).toEqual([running('app')])
    expect([...observed.replace(observed.beginList(), [sandbox()], [running('app')])]).toEqual([])
    expect([...observed.replace(observed.beginList(), [], [])]).toEqual(['uid-1'])
    expect(observed.uids().size).toBe(0)
  })

  it('ObservedPods.replace() does not lose what was started while the list was under way', () => {
    const observed = new ObservedPods()
    observed.setSandbox(sandbox())
    const since = observed.beginList()
    observed.setContainer(running('app'))
    observed.replace(since, [sandbox()], [])
    expect(observed.pod('uid-1').containers).toHaveLength(1)
    observed.replace(observed.beginList(), [sandbox()], [])
    expect(observed.pod('uid-1').containers).toHaveLength(0)
  })

  it('ObservedPods.replace() does not bring back what was removed while the list was under way', () => {
    const observed = new ObservedPods()
    observed.setContainer(running('app'))
    const since = observed.beginList()
    observed.removeContainer('app-0')
    observed.replace(since, [], [running('app')])
    expect(observed.pod('uid-1').containers).toEqual([])
  })

  it('ObservedPods.replace() does not undo what was learned while the list was under way', () => {
    const observed = new ObservedPods()
    observed.setContainer(running('app'))
    const since = observed.beginList()
    observed.setContainer(exited('app', 1))
    observed.replace(since, [], [running('app')])
    expect(observed.container('app-0')?.state).toBe('exited')
  })

  it('ObservedPods.setContainer() never goes back from exited to running', () => {
    const observed = new ObservedPods()
    observed.setContainer(exited('app', 1))
    observed.setContainer(running('app'))
    expect(observed.container('app-0')?.state).toBe('exited')
  })

  it('ObservedPods.markStopped() takes the address with it', () => {
    const observed = new ObservedPods()
    observed.setSandbox(sandbox())
    expect(observed.markStopped('sandbox-0')).toBe(true)
    expect(observed.markStopped('other')).toBe(false)
    expect(observed.pod('uid-1').sandboxes[0]).not.toHaveProperty('ip')
    expect(observed.pod('uid-1').sandboxes[0]?.state).toBe('not-ready')
  })

  it('ObservedPods.removeSandbox() forgets its containers too', () => {
    const observed = new ObservedPods()
    observed.setSandbox(sandbox())
    observed.setContainer(running('app'))
    observed.removeSandbox('sandbox-0')
    expect(observed.uids().size).toBe(0)
  })
})
